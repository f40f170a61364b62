// What the calendar asks the server for. htmx adds the CSRF token (templates/work.html).
const calendar = document.getElementById('calendar')
const visitAt = id => calendar.dataset.visit.replace('00000000-0000-0000-0000-000000000000', id)
// requests of one element queue: those of the panel do not wait for what the grid asks for
const panel = { source: '#panel', target: '#panel', swap: 'innerHTML' }

// `place` is a doctor, or a room with its office; a panel that is open keeps the new time instead of its own
export function openSlot(place, start) {
  const hold = document.querySelector('#panel [data-hold]')?.value ?? ''
  return window.htmx.ajax('POST', calendar.dataset.slot, { ...panel, values: { ...place, start, hold, ...bookingFor() } })
}

// For whom a time is looked for, if the calendar was opened from somebody's chart.
export function bookingFor() {
  const patient = document.getElementById('booking-for')?.dataset.patient
  return patient ? { patient } : {}
}

export function bookingForNobody() {
  document.getElementById('booking-for')?.remove()
  calendar.querySelector('.choices [name=patient]')?.remove()
  const without = address => {
    const url = new URL(address)
    url.searchParams.delete('patient')
    return url.href
  }
  for (const link of calendar.querySelectorAll('a[href*="patient="]')) link.href = without(link.href)
  history.replaceState(null, '', without(location.href))
}

export function keep() {
  const values = Object.fromEntries(new FormData(document.getElementById('slot')))
  return window.htmx.ajax('POST', calendar.dataset.keep, { source: '#kept', target: '#kept', swap: 'outerHTML', values })
}

// Let others have the time, also while the page is being left: htmx would not send it then. After the session it would
// follow to the sign-in page, unseen, and could put back the CSRF cookie of before a sign-in.
export function release(hold) {
  const headers = JSON.parse(document.body.getAttribute('hx-headers'))
  fetch(calendar.dataset.release, {
    method: 'POST',
    headers,
    body: new URLSearchParams({ hold }),
    keepalive: true,
    redirect: 'manual',
  }).catch(() => {})
}

export function openVisit(id) {
  return window.htmx.ajax('GET', visitAt(id), panel)
}

export function change(id, values) {
  return window.htmx.ajax('POST', `${visitAt(id)}change/`, { ...panel, values })
}

export function act(id, values) {
  return window.htmx.ajax('POST', `${visitAt(id)}act/`, { ...panel, values })
}

export function say(sentence) {
  document.getElementById('speaker').textContent = sentence
}
