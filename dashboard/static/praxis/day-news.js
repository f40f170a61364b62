// A page that shows today: once another visit is there or one has changed, it says so and offers to show it.
import { listen } from './live.js'

const notice = document.getElementById('day-news')
let isAsking = false
let isDue = false

async function ask() {
  if (isAsking || document.hidden || !notice.hidden) {
    isDue = true
    return
  }
  isAsking = true
  isDue = false
  const answer = await fetch(notice.dataset.changed, { redirect: 'manual' }).catch(() => null)
  isAsking = false
  if (answer?.status === 200) notice.hidden = false
  else if (isDue) ask()
}

if (notice) {
  listen(notice.dataset.live, ask)
  document.addEventListener('visibilitychange', () => { if (isDue) ask() })
}
