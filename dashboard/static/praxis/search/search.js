// The search of every page: Ctrl-K, or the link to it, opens it; arrow keys go through what is found; Esc closes it, and
// the focus is where it was. What is typed is posted and nowhere kept.
const dialog = document.getElementById('praxis-search')
const form = dialog.querySelector('form[role=search]')
const text = form.elements.q
const results = document.getElementById('praxis-search-results')
const PAUSE = 250
let waiting = 0
let asked = 0

function open() {
  if (!dialog.open) dialog.showModal()
  text.focus()
  text.select()
}

async function find() {
  clearTimeout(waiting)
  const number = ++asked
  if (!text.value.trim()) return results.replaceChildren()
  let answer
  try {
    answer = await fetch(form.action, { method: 'POST', body: new FormData(form), headers: { 'Praxis-Part': '1' }, redirect: 'manual' })
  } catch {
    answer = null
  }
  if (number !== asked) return
  if (answer?.type === 'opaqueredirect') return location.reload() // signed out meanwhile
  if (answer?.ok) results.innerHTML = await answer.text()
  else results.textContent = dialog.dataset.problem
}

function go(step) {
  const stops = [text, ...results.querySelectorAll('a')]
  const next = stops.indexOf(document.activeElement) + step
  stops[Math.max(0, Math.min(stops.length - 1, next))].focus()
}

text.addEventListener('input', () => {
  clearTimeout(waiting)
  waiting = setTimeout(find, PAUSE)
})
form.addEventListener('submit', async event => {
  event.preventDefault()
  await find()
  results.querySelector('a')?.focus()
})
dialog.addEventListener('keydown', event => {
  if (event.key === 'Escape') {
    event.preventDefault() // a search field would only empty itself
    return dialog.close()
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (!step) return
  event.preventDefault()
  go(step)
})
dialog.addEventListener('close', () => {
  text.value = ''
  results.replaceChildren()
})
document.addEventListener('keydown', event => {
  if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return
  event.preventDefault()
  open()
})
document.addEventListener('click', event => {
  const link = event.target.closest('a[href]')
  if (!link || link.href !== form.action || location.href === form.action) return
  event.preventDefault()
  open()
})
