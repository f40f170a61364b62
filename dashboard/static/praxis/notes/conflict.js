// Two texts of one note side by side. What is here stays in the fields, and can be typed on, until one has chosen.
const place = document.getElementById('conflict')
const copyOf = id => document.getElementById(id).content.firstElementChild.cloneNode(true)

export function showConflict({ form, fields, base, answer, resolve, amend }) {
  const { current, detail } = answer
  const panel = copyOf('conflict-panel')
  const texts = fields.filter(field => field.matches('textarea') && current[field.name] !== field.value)
  const isForDraft = current.isDraft || 'amends' in form.dataset
  panel.querySelector('h2').textContent = detail
  panel.querySelector('[data-of-draft]').hidden = panel.querySelector('[data-keep]').hidden = !isForDraft
  panel.querySelector('[data-of-finalised]').hidden = panel.querySelector('[data-amend]').hidden = isForDraft
  for (const field of texts) panel.querySelector('[data-sections]').append(section(field, current, base, isForDraft))
  place.replaceChildren(panel)
  place.scrollIntoView({ block: 'start' })
  const follow = event => {
    const shown = place.querySelector(`[data-of="${event.target.name}"] [data-mine]`)
    if (shown) shown.textContent = event.target.value
  }
  form.addEventListener('input', follow)
  const close = () => {
    form.removeEventListener('input', follow)
    place.replaceChildren()
  }
  panel.querySelector('[data-amend]').addEventListener('click', () => amend(current))
  panel.querySelector('[data-keep]').addEventListener('click', () => {
    const chosen = Object.fromEntries(fields.filter(field => field.matches('textarea')).map(field => {
      const pick = panel.querySelector(`[data-of="${field.name}"] input:checked`)?.value
      return [field.name, { theirs: current[field.name], both: both(field.value, current[field.name]) }[pick] ?? field.value]
    }))
    close()
    resolve(current, chosen)
    texts[0]?.focus()
  })
}

function section(field, current, base, isForDraft) {
  const shown = copyOf('conflict-section')
  const theirs = current[field.name]
  shown.dataset.of = field.name
  shown.querySelector('legend').textContent = field.labels[0].textContent
  shown.querySelector('[data-mine]').textContent = field.value
  shown.querySelector('[data-theirs]').textContent = theirs
  shown.querySelector('.choices').hidden = !isForDraft
  const likely = theirs === base[field.name] ? 'mine' : field.value === base[field.name] ? 'theirs' : 'both'
  for (const radio of shown.querySelectorAll('input')) {
    radio.name = `keep-${field.name}`
    radio.checked = radio.value === likely
  }
  return shown
}

const both = (mine, theirs) => (mine.includes(theirs) ? mine : theirs.includes(mine) ? theirs : `${theirs}\n${mine}`)
