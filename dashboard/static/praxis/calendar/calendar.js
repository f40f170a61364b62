// The calendar's page. What it says is in data attributes and in what the server sends, where it is translated.
import { follow as followDrags } from './drag.js'
import { placeNow, scrollToWork, settle, watchKeys, watchClicks } from './grid.js'
import { watchPanel } from './panel.js'
import { startPolling } from './poll.js'

document.documentElement.classList.add('scripted')
for (const form of document.querySelectorAll('.choices')) {
  form.addEventListener('change', () => form.requestSubmit())
}
const print = document.querySelector('[data-print]')
print?.addEventListener('click', event => {
  if (!document.querySelector('.list')) return
  event.preventDefault()
  window.print()
})
if (location.hash === '#print') {
  history.replaceState(null, '', location.pathname + location.search)
  if (document.querySelector('.list')) window.addEventListener('load', () => window.print())
}
watchClicks()
watchKeys()
followDrags()
watchPanel()
settle()
scrollToWork()
placeNow()
setInterval(placeNow, 30_000)
startPolling()
