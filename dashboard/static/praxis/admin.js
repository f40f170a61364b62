// unfold's menu, filter and account switches are elements that only a mouse can press; the keyboard and a screen
// reader get them too.
const NAMES = { dock_to_right: 'Menu', close: 'Close the menu' }

document.addEventListener('DOMContentLoaded', () => {
  for (const element of document.querySelectorAll('span[x-on\\:click], div.cursor-pointer[x-on\\:click], a:not([href])[x-on\\:click]')) {
    element.tabIndex = 0
    element.role = 'button'
    const name = NAMES[element.textContent.trim()]
    if (name) element.ariaLabel = name
    element.addEventListener('keydown', event => {
      if (event.key !== 'Enter' && event.key !== ' ') return
      event.preventDefault()
      element.click()
    })
  }
})
