// Moving a visit with the mouse or a pen. A finger scrolls; it moves a visit from the visit's panel.
import { change } from './actions.js'
import { columnsPlace } from './grid.js'

const THRESHOLD = 5 // pixels: less is a click
let drag = null

function onDown(event) {
  const visit = event.target.closest('.visit.scheduled')
  if (!visit || event.button !== 0 || event.pointerType === 'touch') return
  const box = visit.getBoundingClientRect()
  drag = { visit, x: event.clientX, y: event.clientY, dx: event.clientX - box.left, dy: event.clientY - box.top, box }
}

function begin() {
  const ghost = drag.visit.cloneNode(true)
  ghost.removeAttribute('id')
  ghost.classList.add('ghost')
  Object.assign(ghost.style, { width: `${drag.box.width}px`, height: `${drag.box.height}px` })
  document.body.append(ghost)
  document.body.classList.add('is-dragging')
  drag.visit.classList.add('moving')
  drag.ghost = ghost
}

function onMove(event) {
  if (!drag) return
  if (!drag.ghost) {
    if (Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < THRESHOLD) return
    begin()
  }
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

function end() {
  const done = drag
  drag = null
  done?.ghost?.remove()
  done?.cell?.classList.remove('aimed')
  done?.visit.classList.remove('moving')
  document.body.classList.remove('is-dragging')
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
