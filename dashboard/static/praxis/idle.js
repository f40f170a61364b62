// Nobody who types or scrolls is signed out for being idle, and whoever is about to be is told two minutes before.
// Nothing is kept in the browser; the server alone knows when the session ends.
const idle = document.getElementById('idle')
const WARNING = 120, BEAT = 60 // seconds

if (idle) {
  const warning = idle.querySelector('[data-warning]')
  let ends = Date.now() + Number(idle.dataset.seconds) * 1000
  let beatAt = Date.now(), isActive = false, leaving = false, timer

  const secondsLeft = () => (ends - Date.now()) / 1000
  const plan = seconds => {
    clearTimeout(timer)
    timer = setTimeout(look, Math.max(1, seconds) * 1000)
  }
  // Back to this same page, by way of the sign-in. A form's "leave this page?" would keep on the screen what is on it.
  // A page that says itself that it has text which is stored nowhere stays, until that is stored or gone.
  const leave = () => {
    if (!document.dispatchEvent(new CustomEvent('idle:leave', { cancelable: true }))) {
      warning.hidden = true
      return plan(10)
    }
    leaving = true
    location.assign(location.pathname + location.search)
  }
  const ask = async (address, options) => {
    try {
      const answer = await fetch(address, { cache: 'no-store', redirect: 'manual', ...options })
      if (answer.status === 401 || answer.status === 403) return leave()
      ends = Date.now() + (await answer.json()).seconds * 1000
    } catch {
      return plan(10) // the server is out of reach
    }
    warning.hidden = secondsLeft() > WARNING
    plan(warning.hidden ? secondsLeft() - WARNING : secondsLeft())
  }
  // that of a sign-in in another tab, if there was one
  const csrfToken = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? idle.dataset.token
  const beat = () => {
    beatAt = Date.now()
    isActive = false
    return ask(idle.dataset.active, { method: 'POST', headers: { 'X-CSRFToken': csrfToken() } })
  }
  const look = () => isActive ? beat() : ask(idle.dataset.left)
  const happened = () => {
    isActive = true
    if (!warning.hidden || Date.now() - beatAt > BEAT * 1000) beat()
  }
  // Not 'scroll': the calendar scrolls by itself to the hour, which is nobody.
  for (const kind of ['keydown', 'input', 'pointerdown', 'wheel', 'touchmove']) {
    document.addEventListener(kind, happened, { capture: true, passive: true })
  }
  addEventListener('beforeunload', event => { if (leaving) event.stopImmediatePropagation() }, true)
  plan(secondsLeft() - WARNING)
}
