// What the calendar asks the server for. htmx adds the CSRF token (templates/work.html).
const calendar = document.getElementById('calendar')
const visitAt = id => calendar.dataset.visit.replace('00000000-0000-0000-0000-000000000000', id)
// requests of one element queue: those of the panel do not wait for what the grid asks for
const panel = { source: '#panel', target: '#panel', swap: 'innerHTML' }

export function openSlot(doctor, start, office) {
  return window.htmx.ajax('POST', calendar.dataset.slot, { ...panel, values: { doctor, start, office } })
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
