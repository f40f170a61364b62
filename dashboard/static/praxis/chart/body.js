// The body chart: a click on the drawing, or a tick in the list, marks a place with what is felt and how strong; another
// takes the mark away. Without this script the ticked places are all marked with what is chosen.
const form = document.getElementById('body-form')
const list = document.getElementById('marks')
const boxes = new Map([...form.querySelectorAll('[type=checkbox]')].map(box => [box.value, box]))
const { sensation, level } = form.elements
const marks = new Map() // `region:sensation` -> level

for (const kept of form.querySelectorAll('[data-kept]')) {
  const [region, felt, strong] = kept.value.split(':')
  marks.set(`${region}:${felt}`, Number(strong))
  kept.remove()
}
for (const box of boxes.values()) box.removeAttribute('name') // the marks are sent instead

function of(region) {
  return [...marks].filter(([key]) => key.startsWith(`${region}:`))
}

function show() {
  for (const shape of form.querySelectorAll('[data-region]')) {
    const levels = of(shape.dataset.region).map(([, strong]) => strong)
    const depth = levels.length ? 1 + Math.floor(Math.min(Math.max(...levels), 9) / 3) : 0
    shape.setAttribute('class', `depth-${depth}`)
  }
  for (const [region, box] of boxes) box.checked = of(region).length > 0
  const lines = [...marks].map(([key, strong]) => {
    const [region, felt] = key.split(':')
    const line = document.createElement('li')
    const label = [...sensation.options].find(option => option.value === felt).textContent.toLowerCase()
    const words = list.dataset.of.replace('SENSATION', label).replace('LEVEL', strong)
    const sent = document.createElement('input')
    Object.assign(sent, { type: 'hidden', name: 'mark', value: `${key}:${strong}` })
    line.append(`${boxes.get(region).dataset.name}: ${words}`, sent)
    return line
  })
  if (!lines.length) {
    const none = document.createElement('li')
    none.textContent = list.dataset.none
    lines.push(none)
  }
  list.replaceChildren(...lines)
}

function toggle(region) {
  const key = `${region}:${sensation.value}`
  if (marks.get(key) === Number(level.value)) marks.delete(key)
  else marks.set(key, Number(level.value))
  show()
}

form.addEventListener('click', event => {
  const shape = event.target.closest('[data-region]')
  if (shape) toggle(shape.dataset.region)
})
form.addEventListener('change', event => {
  const box = event.target
  if (box.type !== 'checkbox') return
  if (box.checked) marks.set(`${box.value}:${sensation.value}`, Number(level.value))
  else for (const [key] of of(box.value)) marks.delete(key)
  show()
})
show()
