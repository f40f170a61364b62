// Keys of a whole page: a letter presses what has it as its data-key, and ? opens the help, unless somebody types.
export function watchKeys(own = {}) {
  const help = document.getElementById('help')
  document.getElementById('help-button')?.addEventListener('click', () => help.showModal())
  document.addEventListener('keydown', event => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.target.closest('input, select, textarea, dialog')) return
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
    if (key === '?') return help?.showModal()
    const pressed = document.querySelector(`[data-key="${CSS.escape(key)}"]`)
    if (!(key in own) && !pressed) return
    event.preventDefault()
    if (key in own) own[key](event)
    else if (pressed.matches('input, textarea')) pressed.focus()
    else pressed.click()
  })
}
