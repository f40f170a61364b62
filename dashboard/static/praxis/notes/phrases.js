// Phrases: `/` and the beginning of a word, at the end of what is typed, offer them; Enter or Tab takes one.
const LONGEST_LIST = 8
const TYPED = /(?:^|\s)\/([\p{L}\p{N}-]*)$/u
const phrases = [...(document.getElementById('phrases')?.content.children ?? [])].map(one => ({ word: one.dataset.word, text: one.textContent }))

export function watchPhrases(form) {
  if (!phrases.length) return
  form.addEventListener('input', event => event.target.matches('textarea') && offer(event.target))
  form.addEventListener('focusout', event => event.target.matches('textarea') && close(event.target))
  form.addEventListener('keydown', onKey)
  form.addEventListener('mousedown', event => {
    const option = event.target.closest('.phrases li')
    if (!option) return
    event.preventDefault()
    take(option.closest('.field').querySelector('textarea'), option)
  })
}

const listOf = field => field.closest('.field').querySelector('.phrases')
const typedIn = field => TYPED.exec(field.value.slice(Math.max(0, field.selectionStart - 40), field.selectionStart))?.[1]

function offer(field) {
  const typed = typedIn(field)?.toLowerCase()
  const found = typed === undefined ? [] : phrases.filter(one => one.word.toLowerCase().startsWith(typed)).slice(0, LONGEST_LIST)
  close(field)
  if (!found.length) return
  const list = document.createElement('ul')
  list.className = 'phrases'
  list.id = `${field.id}-phrases`
  list.role = 'listbox'
  list.ariaLabel = document.getElementById('phrases').dataset.label
  found.forEach((one, number) => {
    const option = document.createElement('li')
    const [word, text] = [document.createElement('b'), document.createElement('span')]
    option.role = 'option'
    option.id = `${list.id}-${number}`
    option.ariaSelected = String(number === 0)
    word.textContent = `/${one.word}`
    text.textContent = one.text
    option.append(word, text)
    option.dataset.text = one.text
    list.append(option)
  })
  field.after(list)
  list.scrollIntoView({ block: 'nearest' })
  field.setAttribute('aria-controls', list.id)
  field.setAttribute('aria-activedescendant', list.firstElementChild.id)
}

function close(field) {
  listOf(field)?.remove()
  field.removeAttribute('aria-controls')
  field.removeAttribute('aria-activedescendant')
}

function onKey(event) {
  const field = event.target
  const list = field.matches('textarea') ? listOf(field) : null
  if (!list) return
  const options = [...list.children]
  const chosen = options.findIndex(option => option.ariaSelected === 'true')
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    const next = (chosen + (event.key === 'ArrowDown' ? 1 : -1) + options.length) % options.length
    options.forEach((option, number) => { option.ariaSelected = String(number === next) })
    field.setAttribute('aria-activedescendant', options[next].id)
  } else if (event.key === 'Enter' || event.key === 'Tab') {
    take(field, options[chosen])
  } else if (event.key === 'Escape') {
    close(field)
  } else {
    return
  }
  event.preventDefault()
}

function take(field, option) {
  const end = field.selectionStart
  field.setRangeText(option.dataset.text, end - typedIn(field).length - 1, end, 'end')
  close(field)
  field.dispatchEvent(new Event('input', { bubbles: true }))
}
