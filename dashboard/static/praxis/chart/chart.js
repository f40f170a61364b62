// The chart: J and K go from one entry to the next, other letters press what the page offers.
import { watchKeys } from '../keys.js'

const stops = () => [...document.querySelectorAll('[data-stop]')]

function go(step) {
  const all = stops()
  const here = all.indexOf(document.activeElement)
  const next = here < 0 ? (step > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, here + step))
  all[next]?.focus()
}

watchKeys({ j: () => go(1), k: () => go(-1) })

// What comes below takes the focus that the link to it had.
document.body.addEventListener('htmx:afterSwap', event => {
  const lists = document.querySelectorAll('.entries')
  if (event.detail.target?.id === 'earlier') lists[lists.length - 1].querySelector('[data-stop]')?.focus()
})

// Changed lists give the focus back to where somebody was; a refusal leaves what was typed, and says why.
const message = document.getElementById('message')
message?.addEventListener('click', event => {
  if (event.target.closest('[data-dismiss]')) message.replaceChildren()
})
document.body.addEventListener('htmx:beforeSwap', event => {
  const { xhr } = event.detail
  if (xhr.status < 400 || xhr.getResponseHeader('HX-Retarget')) return
  event.detail.shouldSwap = false
  location.reload() // the chart may be closed by now, and says so
})
document.body.addEventListener('htmx:afterSwap', event => {
  const back = event.detail.requestConfig?.elt.dataset.back
  if (!['lists', 'measures'].includes(event.detail.target?.id) || !back) return
  message.replaceChildren()
  document.getElementById(back)?.focus()
})
