// My day: from one patient to the next with J and K or the arrow keys, which begin with the one whose turn it is. Enter
// follows the link, as links do.
import { watchKeys } from '../keys.js'

const stops = () => [...document.querySelectorAll('[data-stop]')]

function go(step) {
  const all = stops()
  const here = all.indexOf(document.activeElement)
  const line = document.activeElement.closest('.visit')?.querySelector('[data-stop]')
  const from = here < 0 && line ? all.indexOf(line) : here
  const turn = Math.max(0, all.indexOf(document.getElementById('next')))
  const next = from < 0 ? (step > 0 ? turn : all.length - 1) : Math.max(0, Math.min(all.length - 1, from + step))
  all[next]?.focus()
}

function start() {
  const line = document.activeElement.closest('.visit') ?? document.getElementById('next')?.closest('.visit')
  line?.querySelector('[data-start]')?.click()
}

const next = () => go(1)
const before = () => go(-1)
watchKeys({ j: next, ArrowDown: next, k: before, ArrowUp: before, s: start })
