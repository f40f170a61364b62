// Moving a visit with the mouse or a pen, or making it longer or shorter at its lower edge. A finger scrolls; it moves a
// visit from the visit's panel.
import { change } from './actions.js'
import { columnsPlace, resize } from './grid.js'

const THRESHOLD = 5 // pixels: less is a click
const EDGE = 6 // pixels at the bottom that make it longer or shorter
const SNAP = 5 // minutes
let drag = null

function onDown(event) {
  const visit = event.target.closest('.visit.scheduled')
  if (!visit || event.button !== 0 || event.pointerType === 'touch') return
  const box = visit.getBoundingClientRect()
  drag = { visit, x: event.clientX, y: event.clientY, dx: event.clientX - box.left, dy: event.clientY - box.top, box }
  drag.isEdge = box.bottom - event.clientY <= EDGE && box.height >= 2 * EDGE
}

function begin() {
  const ghost = drag.visit.cloneNode(true)
  ghost.removeAttribute('id')
  ghost.classList.add('ghost')
  Object.assign(ghost.style, { width: `${drag.box.width}px`, height: `${drag.box.height}px` })
  document.body.append(ghost)
  document.body.classList.add('is-dragging')
  if (drag.isEdge) document.body.classList.add('is-resizing')
  drag.visit.classList.add('moving')
  drag.ghost = ghost
}

function onMove(event) {
  if (!drag) return
  if (!drag.ghost) {
    if (Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < THRESHOLD) return
    begin()
  }
  if (drag.isEdge) return stretch(event)
  const top = event.clientY - drag.dy
  Object.assign(drag.ghost.style, { left: `${event.clientX - drag.dx}px`, top: `${top}px`, right: 'auto' })
  const under = document.elementsFromPoint(event.clientX, top + 3)
  const cell = under.find(element => element.matches('#grid td[data-start]'))
  if (cell === drag.cell) return
  drag.cell?.classList.remove('aimed')
  drag.cell = cell
  cell?.classList.add('aimed')
  const time = drag.ghost.querySelector('span')
  if (cell && time) time.textContent = cell.parentElement.cells[0].textContent
}

function stretch(event) {
  const pixels = drag.visit.closest('td').getBoundingClientRect().height / 15 // of a minute
  const by = Math.round((event.clientY - drag.y) / pixels / SNAP) * SNAP
  drag.minutes = Math.max(SNAP, Number(drag.visit.dataset.minutes) + by)
  const { left, top } = drag.box
  Object.assign(drag.ghost.style, { left: `${left}px`, top: `${top}px`, right: 'auto', height: `${drag.minutes * pixels - 1}px` })
  const time = drag.ghost.querySelector('span')
  if (time) time.textContent = document.getElementById('calendar').dataset.minutes.replace('0', drag.minutes)
}

function end() {
  const done = drag
  drag = null
  done?.ghost?.remove()
  done?.cell?.classList.remove('aimed')
  done?.visit.classList.remove('moving')
  document.body.classList.remove('is-dragging', 'is-resizing')
  return done
}

function onUp() {
  const done = end()
  if (!done?.ghost) return
  // the click that follows is not one on the visit
  const swallow = event => { event.stopPropagation(); event.preventDefault() }
  window.addEventListener('click', swallow, { capture: true, once: true })
  setTimeout(() => window.removeEventListener('click', swallow, { capture: true }))
  const { visit, cell } = done
  if (done.isEdge) return resize(visit, done.minutes)
  if (!cell || cell === visit.closest('td')) return
  change(visit.dataset.visit, { version: visit.dataset.version, ...columnsPlace(cell), start: cell.dataset.start })
}

export function follow() {
  document.addEventListener('pointerdown', onDown)
  document.addEventListener('pointermove', onMove)
  document.addEventListener('pointerup', onUp)
  document.addEventListener('pointercancel', end)
  document.addEventListener('keydown', event => {
    if (event.key !== 'Escape' || !drag?.ghost) return
    event.stopImmediatePropagation()
    end()
  }, { capture: true })
}
