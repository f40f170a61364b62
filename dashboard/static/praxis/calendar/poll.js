// Others' changes: ask at once when a visit changed, and every so often what has changed beside that. 204 means nothing;
// otherwise the grid comes anew, and scroll and focus stay where they were.
import { isLive, listen } from '../live.js'
import { isMoving, placeNow, settle } from './grid.js'

const EVERY = 1500 // milliseconds: without live updates, a change shows within two seconds
const EVERY_LIVE = 4500 // with them: times that are kept, working hours
let asked = null
let askedAt = Date.now()
let isDue = false

export function refresh() {
  const shown = document.getElementById('shown')
  if (!asked) {
    isDue = false
    askedAt = Date.now()
  }
  asked ??= window.htmx
    .ajax('GET', shown.dataset.changes, { source: '#shown', target: '#shown', swap: 'outerHTML' })
    .catch(() => {}) // told by htmx:sendError
    .finally(() => { asked = null })
  return asked
}

const isBusy = () => document.hidden || isMoving() || document.body.classList.contains('is-dragging')

function ask() {
  if (isBusy()) return
  const wasAsked = asked
  refresh().finally(() => { if (isDue && wasAsked) ask() }) // what was asked before the change may not have it
}

function onChange() {
  isDue = true
  ask()
}

export function startPolling() {
  let left = [0, 0]
  let isPressed = false // a grid that comes between pressing and releasing would swallow the click; the next one will do
  document.addEventListener('pointerdown', () => { isPressed = true }, { capture: true })
  for (const released of ['pointerup', 'pointercancel']) {
    document.addEventListener(released, () => setTimeout(() => { isPressed = false }), { capture: true })
  }
  document.body.addEventListener('htmx:beforeSwap', event => {
    const scroller = event.detail.target.querySelector?.('.scroller')
    if (event.detail.target.id === 'shown' && isPressed) event.detail.shouldSwap = false
    if (scroller) left = [scroller.scrollLeft, scroller.scrollTop]
  })
  document.body.addEventListener('htmx:afterSwap', () => {
    const scroller = document.querySelector('#shown .scroller')
    if (scroller && !scroller.dataset.placed) {
      [scroller.scrollLeft, scroller.scrollTop] = left
      scroller.dataset.placed = ''
    }
    settle()
    placeNow()
  })
  const first = document.querySelector('.scroller')
  if (first) first.dataset.placed = ''
  setInterval(() => {
    if (isDue || !isLive() || Date.now() - askedAt >= EVERY_LIVE) ask()
  }, EVERY)
  const { live } = document.getElementById('calendar').dataset
  if (live) listen(live, onChange)
}
