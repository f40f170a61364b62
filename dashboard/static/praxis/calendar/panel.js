// The panel beside the grid, and the messages below it.
import { bookingFor, bookingForNobody } from './actions.js'
import { focusCurrent, focusOn, settle } from './grid.js'
import { follow as followHold, watchHold } from './hold.js'
import { refresh } from './poll.js'

const panel = document.getElementById('panel')
const message = document.getElementById('message')
let timer
let asked = null // the last request for the panel; what others answer does not wake it
let resume = null // what had the focus in the panel before it was asked for anew
let typed = null // what somebody types while the panel is on its way, which is meant for it

export function keepTyped(event) {
  if (typed === null || event.target.closest('input, select, textarea')) return false
  if (event.key.length === 1) typed += event.key
  return true
}

// A space between two names, not the press of what has the focus until the panel comes.
export function isWithinName(event) {
  return event.key === ' ' && Boolean(typed)
}

function wake(event) {
  if (!panel.inert || event.detail.xhr !== asked) return
  panel.inert = false
  resume?.focus()
}

function handOver() {
  const field = document.getElementById('q')
  if (field && typed) field.value = typed + field.value
  if (field?.value) field.dispatchEvent(new Event('input', { bubbles: true }))
  typed = null
}

// Where the focus goes when the panel comes anew: to the field that asked for it if there is more to choose beside it.
function firstField() {
  const stays = resume?.matches('[data-stay]') ? document.getElementById(resume.id) : null
  return stays ?? panel.querySelector('[data-autofocus]') ?? panel.querySelector('h2')
}

export function closePanel({ quietly = false } = {}) {
  if (!panel.hasChildNodes()) return
  panel.replaceChildren()
  followHold()
  if (!quietly) focusCurrent()
}

// The list of patients below the field: arrows choose, Enter takes. What was found for an earlier text is never taken.
function onSearchKey(event) {
  const list = document.getElementById('found-list')
  const options = list ? [...list.children] : []
  const chosen = options.findIndex(option => option.ariaSelected === 'true')
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    event.preventDefault()
    if (!options.length) return
    const step = event.key === 'ArrowDown' ? 1 : -1
    choose(options, (chosen + step + options.length) % options.length)
  } else if (event.key === 'Enter') {
    event.preventDefault()
    if (list?.dataset.query === event.target.value.trim()) options[chosen]?.click()
    else event.target.dataset.entered = event.target.value.trim()
  }
}

function choose(options, number) {
  const field = document.getElementById('q')
  for (const option of options) option.ariaSelected = 'false'
  options[number].ariaSelected = 'true'
  options[number].scrollIntoView({ block: 'nearest' })
  field.setAttribute('aria-activedescendant', options[number].id)
}

function onFound() {
  const field = document.getElementById('q')
  const list = document.getElementById('found-list')
  if (!field) return
  field.ariaExpanded = String(Boolean(list))
  field.removeAttribute('aria-activedescendant')
  if (!list) return
  const options = [...list.children]
  choose(options, 0)
  // Enter was pressed before they were found: it means the only one. What comes for an earlier text says nothing of it.
  if (field.dataset.entered !== list.dataset.query) return
  delete field.dataset.entered
  if (options.length === 1) options[0].click()
}

function onMessage() {
  clearTimeout(timer)
  const shown = message.querySelector('.message')
  if (!shown || 'error' in shown.dataset) return
  // not while somebody chooses why a visit was cancelled
  timer = setTimeout(() => (message.querySelector('select:focus') ? onMessage() : dismiss()), Number(shown.dataset.seconds) * 1000)
}

function dismiss() {
  const hadFocus = message.contains(document.activeElement)
  message.replaceChildren()
  if (hadFocus) focusCurrent()
}

function sayUnreachable() {
  if (message.querySelector('[data-unreachable]')) return
  const shown = document.createElement('p')
  shown.className = 'message is-error'
  shown.dataset.unreachable = shown.dataset.error = ''
  shown.textContent = document.getElementById('calendar').dataset.unreachable
  message.replaceChildren(shown)
}

export function watchPanel() {
  watchHold()
  document.addEventListener('keydown', event => event.target.id === 'q' && onSearchKey(event))
  document.addEventListener('click', event => {
    if (event.target.closest('[data-close]')) closePanel()
    if (event.target.closest('[data-dismiss]')) dismiss()
    if (event.target.closest('[data-nobody]')) {
      bookingForNobody()
      focusCurrent()
    }
  })
  document.body.addEventListener('htmx:configRequest', event => { // a time of "Next free" is for them as well
    if (event.detail.elt.matches('.panel [data-slot]')) Object.assign(event.detail.parameters, bookingFor())
  })
  document.body.addEventListener('htmx:beforeRequest', event => {
    if (event.detail.target?.id !== 'panel') return
    typed = ''
    resume = panel.contains(document.activeElement) ? document.activeElement : null
    asked = event.detail.xhr
    panel.inert = true // a button of what is about to go must not be pressed
  })
  document.body.addEventListener('htmx:beforeOnLoad', wake)
  document.body.addEventListener('htmx:afterSettle', event => {
    if (['panel', 'message'].includes(event.detail.target?.id)) handOver()
    if (event.detail.target?.id === 'found') onFound() // before, htmx does not know them, and a click does nothing
  })
  document.body.addEventListener('htmx:afterRequest', event => {
    if (event.detail.successful) return
    typed = null
    wake(event)
  })
  document.body.addEventListener('htmx:beforeSwap', event => {
    const { xhr } = event.detail
    // a whole page in place of a part, such as the sign-in's: go there; an error's is not for the panel
    if (xhr.responseURL && !new URL(xhr.responseURL).pathname.startsWith('/calendar/')) {
      event.detail.shouldSwap = false
      location.assign(xhr.responseURL)
    } else if (xhr.status >= 400 && !xhr.getResponseHeader('HX-Retarget')) {
      event.detail.shouldSwap = false
      sayUnreachable()
    } else {
      message.querySelector('[data-unreachable]')?.remove()
    }
  })
  document.body.addEventListener('htmx:sendError', sayUnreachable)
  document.body.addEventListener('htmx:afterSwap', event => {
    const { target } = event.detail
    if (target.id === 'panel' && message.querySelector('[data-error]')) dismiss()
    if (target.id === 'panel') firstField()?.focus()
    if (target.id === 'panel' || target.id === 'kept') followHold()
    if (target.id === 'message') onMessage()
    settle()
  })
  document.body.addEventListener('calendar:done', () => closePanel())
  document.body.addEventListener('calendar:changed', async event => {
    if (panel.querySelector('#slot')) bookingForNobody() // it is booked
    closePanel()
    const { visit: id } = event.detail
    await refresh()
    if (id && !document.getElementById(`v-${id}`)) await refresh() // what was asked before the change does not have it
    const visit = document.getElementById(`v-${id}`)
    const elsewhere = message.querySelector('[data-elsewhere]')
    if (elsewhere) elsewhere.hidden = Boolean(visit)
    if (panel.hasChildNodes()) return // somebody has opened something else meanwhile
    if (visit?.closest('#grid')) focusOn(visit)
    else if (visit) visit.focus()
    else focusCurrent()
  })
}
