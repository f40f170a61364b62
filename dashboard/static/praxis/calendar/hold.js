// The time that the booking panel keeps: it says when that is over, goes on keeping it while somebody works in the form,
// and lets others have the time when the form is closed.
import { keep, release } from './actions.js'

const ALMOST = 60 // seconds before the end: whoever still types keeps it
const panel = document.getElementById('panel')
let held = null // its id
let endsAt = 0
let timer
let isAsking = false

function onEnd() {
  panel.querySelector('[data-kept]')?.setAttribute('hidden', '')
  panel.querySelector('[data-kept-over]')?.removeAttribute('hidden')
}

// What the panel shows may be another one by now: what it kept before is released.
export function follow() {
  const field = panel.querySelector('[data-hold]')
  if (held && field?.value !== held) release(held)
  held = field?.value ?? null
  clearTimeout(timer)
  if (!field) return
  const seconds = Number(field.dataset.seconds)
  endsAt = Date.now() + seconds * 1000
  timer = setTimeout(onEnd, seconds * 1000)
}

function onWork() {
  const left = (endsAt - Date.now()) / 1000
  if (!held || isAsking || left > ALMOST || left < 0) return
  isAsking = true
  keep().finally(() => { isAsking = false })
}

export function watchHold() {
  panel.addEventListener('input', onWork)
  panel.addEventListener('pointerdown', onWork)
  window.addEventListener('pagehide', () => held && release(held))
}
