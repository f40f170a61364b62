// The line that says how the text stands, and the templates.
const line = document.getElementById('state')
const signIn = document.getElementById('sign-in')
const CALM = [undefined, 'typing', 'saving', 'saved']

export function say(sentence, detail = '', state = undefined) {
  const text = [detail, sentence].filter(Boolean).join(' ')
  const isError = !CALM.includes(state)
  // the calm ones are not read out at every key
  line.ariaLive = ['typing', 'saving'].includes(state) ? 'off' : 'polite'
  if (line.textContent !== text) line.textContent = text
  line.classList.toggle('is-error', isError)
  signIn.hidden = state !== 'signed-out'
}

export function watchTemplates(form, add) {
  const choice = document.getElementById('template')
  choice?.addEventListener('change', () => {
    const chosen = document.getElementById('templates').content.querySelector(`[data-template="${choice.value}"]`)
    for (const section of chosen?.children ?? []) {
      const field = form.elements[section.dataset.section]
      if (!field) continue
      if (section.dataset.prompt) field.placeholder = section.dataset.prompt
      add(field, section.textContent)
    }
  })
}
