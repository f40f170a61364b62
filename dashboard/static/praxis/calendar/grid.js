// The grid: one of its times can be reached with Tab, the others with the arrow keys (roving tabindex, as the ARIA
// Authoring Practices describe a grid).
import { act, change, openSlot, openVisit, say } from './actions.js'
import { closePanel, isWithinName, keepTyped } from './panel.js'
import { refresh } from './poll.js'

const STOPS = 'td[aria-label], .visit'
let current = null // id of the time or visit that Tab reaches
let place = null // where that is: another takes its place when it is gone
let row = null // the row somebody is in, also while they pass a long visit
let moving = null // the visit that is being moved with the keyboard

export const grid = () => document.getElementById('grid')
export const isMoving = () => moving !== null
const body = () => grid()?.tBodies[0]
const placeOf = stop => stop.closest('td')
const rowOf = stop => placeOf(stop).parentElement.sectionRowIndex
const columnOf = stop => placeOf(stop).cellIndex
const isShown = cell => cell.getClientRects().length > 0
const stopsIn = cell => (moving ? [cell] : [...cell.querySelectorAll('.visit'), ...(cell.hasAttribute('aria-label') ? [cell] : [])])
const at = (r, c) => body().rows[r]?.cells[c]

export function headOf(cell) {
  return grid().tHead.rows[0].cells[cell.cellIndex]
}

// Whose column a cell is in: a doctor's, or a room's.
export function columnsPlace(cell) {
  const { doctor, room } = headOf(cell).dataset
  return room ? { room } : { doctor }
}

function placeForBooking(cell) {
  const { room, office } = headOf(cell).dataset
  return room ? { room, office, by_room: 'on' } : { ...columnsPlace(cell), office: grid().dataset.office }
}

export function settle() {
  if (!grid()) return
  const focused = document.activeElement
  const stop = (grid().contains(focused) && focused.matches(STOPS) && focused) || document.getElementById(current) || atPlace() || firstStop()
  if (stop) makeCurrent(stop)
}

function atPlace() {
  return place && at(place.r, place.c) && isShown(at(place.r, place.c)) ? near(place.r, place.c) : null
}

function firstStop() {
  const stops = [...body().querySelectorAll('td.free[aria-label]')].filter(isShown)
  const now = new Date().toISOString()
  return stops.find(cell => cell.dataset.start >= now) || stops[0] || body().querySelector(STOPS)
}

function makeCurrent(stop) {
  for (const other of grid().querySelectorAll('[tabindex="0"]')) other.tabIndex = -1
  stop.tabIndex = 0
  current = stop.id
  place = { r: rowOf(stop), c: columnOf(stop) }
}

export function focusOn(stop) {
  if (!stop) return
  makeCurrent(stop)
  stop.focus({ preventScroll: true })
  stop.scrollIntoView({ block: 'nearest', inline: 'nearest' })
}

export function focusCurrent() {
  focusOn(document.getElementById(current))
}

// The nearest stop in a column at this row: what starts there, or the visit that reaches into it.
function near(r, c) {
  for (let up = r; up >= 0; up--) {
    const stops = stopsIn(at(up, c))
    if (stops.length) return stops[0]
  }
  for (let down = r + 1; down < body().rows.length; down++) {
    const stops = stopsIn(at(down, c))
    if (stops.length) return stops[0]
  }
}

function vertically(stop, steps) {
  const c = columnOf(stop)
  const stops = [...body().rows].flatMap(line => stopsIn(line.cells[c]))
  const target = stops[Math.max(0, Math.min(stops.length - 1, stops.indexOf(stop) + steps))]
  row = target ? rowOf(target) : row
  return target
}

function sideways(stop, step) {
  for (let c = columnOf(stop) + step; c > 0 && c < body().rows[0].cells.length; c += step) {
    if (isShown(at(0, c))) return near(row ?? rowOf(stop), c)
  }
}

const KEYS = {
  ArrowDown: stop => vertically(stop, 1),
  ArrowUp: stop => vertically(stop, -1),
  ArrowRight: stop => sideways(stop, 1),
  ArrowLeft: stop => sideways(stop, -1),
  PageDown: stop => vertically(stop, 4),
  PageUp: stop => vertically(stop, -4),
  Home: stop => vertically(stop, -1000),
  End: stop => vertically(stop, 1000)
}

const LENGTHENS = { ArrowDown: 15, ArrowUp: -15 } // with Shift
let resized = null // what was asked for and is not shown yet: a key that repeats asks once

export function resize(visit, minutes) {
  const { visit: id, version } = visit.dataset
  if (minutes < 5 || minutes === Number(visit.dataset.minutes) || resized === `${id} ${version}`) return
  resized = `${id} ${version}`
  change(id, { version, minutes }).catch(() => {}).then(refresh).finally(() => { resized = null })
}

function onKey(event) {
  const stop = event.target.closest(moving ? 'td' : STOPS)
  if (!stop || !body()?.contains(stop) || event.ctrlKey || event.metaKey || event.altKey) return
  if (isWithinName(event)) {
    event.preventDefault()
    keepTyped(event)
    return
  }
  if (event.shiftKey && !moving && event.key in LENGTHENS && stop.matches('.visit.scheduled')) {
    event.preventDefault()
    resize(stop, Number(stop.dataset.minutes) + LENGTHENS[event.key])
  } else if (event.key in KEYS) {
    event.preventDefault()
    const target = KEYS[event.key](stop)
    if (moving) aim(target)
    else focusOn(target)
  } else if (event.key === 'Enter' || event.key === ' ') {
    event.preventDefault()
    if (moving) drop(stop)
    else open(stop)
  } else if (event.key.toLowerCase() === 'm' && stop.matches('.visit.scheduled')) {
    event.preventDefault()
    startMoving(stop)
  } else if (event.key === 'Escape' && moving) {
    event.stopPropagation()
    stopMoving()
    say(document.getElementById('calendar').dataset.notMoved)
  }
}

export function startMoving(visit) {
  moving = { id: visit.dataset.visit, version: visit.dataset.version }
  visit.classList.add('moving')
  say(document.getElementById('calendar').dataset.moving)
  row = rowOf(visit)
  aim(placeOf(visit), { quietly: true })
}

function aim(cell, { quietly = false } = {}) {
  if (!cell) return
  grid().querySelector('.aimed')?.classList.remove('aimed')
  cell.classList.add('aimed')
  cell.tabIndex = -1
  cell.focus({ preventScroll: true })
  cell.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  if (!quietly) say(`${headOf(cell).dataset.name}, ${cell.parentElement.cells[0].textContent}`)
}

function stopMoving() {
  const visit = document.getElementById(`v-${moving.id}`)
  moving = null
  grid().querySelector('.aimed')?.classList.remove('aimed')
  visit?.classList.remove('moving')
  focusOn(visit)
}

function drop(cell) {
  const { id, version } = moving
  stopMoving()
  change(id, { version, ...columnsPlace(cell), start: cell.dataset.start })
}

function open(stop) {
  makeCurrent(stop)
  if (stop.matches('.visit')) openVisit(stop.dataset.visit)
  else openSlot(placeForBooking(stop), stop.dataset.start)
}

export function watchClicks() {
  document.addEventListener('click', event => {
    const stop = event.target.closest('#grid td[aria-label], [data-visit]')
    if (stop?.closest('#shown')) {
      if (!stop.closest('#grid')) return openVisit(stop.dataset.visit)
      row = rowOf(stop)
      return open(stop)
    }
    const move = event.target.closest('[data-move]')
    const visit = move && document.getElementById(`v-${move.dataset.move}`)
    if (visit?.closest('#grid')) {
      closePanel({ quietly: true })
      startMoving(visit)
    } else if (move) {
      move.closest('.panel').querySelector('details').open = true
      move.closest('.panel').querySelector('details input:not([type=hidden])').focus()
    }
  })
}

// Keys of the whole page: a letter presses the button that has it, unless somebody types.
function onPageKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
  if (event.key === 'Escape') return closePanel()
  if (keepTyped(event)) return
  if (event.target.closest('input, select, textarea, dialog')) return
  const visit = event.target.closest('#shown [data-visit]')
  if (visit && event.key.toLowerCase() === 'a') return act(visit.dataset.visit, { version: visit.dataset.version, action: 'arrive' })
  if (event.target === document.body && event.key.startsWith('Arrow') && grid()) { // a page that has just come
    event.preventDefault()
    return focusCurrent()
  }
  if (event.key === '?') return document.getElementById('help').showModal()
  document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`)?.click()
}

export function watchKeys() {
  document.addEventListener('keydown', onKey)
  document.addEventListener('keydown', onPageKey)
  document.getElementById('help-button').addEventListener('click', () => document.getElementById('help').showModal())
}

// --- The time that it is

function nowIn(zone) {
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23'
  }).formatToParts(new Date())
  const part = Object.fromEntries(parts.map(({ type, value }) => [type, value]))
  return { day: `${part.year}-${part.month}-${part.day}`, minute: Number(part.hour) * 60 + Number(part.minute) }
}

export function placeNow() {
  const line = document.querySelector('.now')
  if (!line) return
  const { day, minute } = nowIn(grid().dataset.zone)
  const passed = minute - Number(grid().dataset.first)
  const quarter = body().rows[Math.floor(passed / 15)]
  line.hidden = grid().dataset.view === 'week' || day !== grid().dataset.day || passed < 0 || !quarter
  if (line.hidden) return
  line.style.top = `${quarter.offsetTop + (quarter.offsetHeight * (passed % 15)) / 15}px`
  line.style.width = `${grid().offsetWidth - grid().tHead.rows[0].cells[0].offsetWidth}px`
}

export function scrollToWork() {
  const scroller = document.querySelector('.scroller')
  if (!scroller) return
  placeNow()
  const line = document.querySelector('.now')
  const work = [...body().rows].find(each => each.querySelector('.free'))
  const top = line.hidden ? (work?.offsetTop ?? 0) : line.offsetTop
  const visit = document.getElementById(location.hash.slice(1))
  if (visit?.closest('#grid')) return focusOn(visit)
  scroller.scrollTop = line.hidden ? top - grid().tHead.offsetHeight - 8 : top - scroller.clientHeight / 3
}
