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

// A file that is too large is told before it is sent: a server that refuses it half-way may not be heard. unfold listens
// on every such field too, and expects one of its own making around it.
document.addEventListener('change', event => {
  const most = Number(event.target.dataset?.most)
  if (!most) return
  event.stopPropagation()
  const tooLarge = [...event.target.files].some(file => file.size > most)
  event.target.setCustomValidity(tooLarge ? `This file is larger than the ${Math.floor(most / 1048576)} MB that are taken.` : '')
  if (tooLarge) event.target.reportValidity()
}, true)
