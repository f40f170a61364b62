// The note's editor: what is typed is in the fields, and is sent a moment later. A key never waits for anything.
import { showConflict } from './conflict.js'
import { watchPhrases } from './phrases.js'
import { post } from './send.js'
import { say, watchTemplates } from './state.js'

const AFTER = 2000 // milliseconds between the first unsaved key and its saving: at most 30 times a minute
const AGAIN = { offline: 3000, trouble: 5000, 'signed-out': 3000 }
const form = document.getElementById('note')
const amends = 'amends' in form.dataset
const fields = [...form.querySelectorAll('textarea, .session input, .session select[name], #reason')]
let version = Number(form.dataset.version)
let stored = version && !amends ? values() : null // what the server has, as far as this page knows
let pending = null // what was sent and not yet acknowledged: sent again as it was
let refused = new Set() // fields whose value the server does not take, until they change
let timer = null
let state = null
let isSending = false
let leaving = false
let whenStored = []
const opened = values()

function values() {
  return Object.fromEntries(fields.map(field => [field.name, field.value]))
}

function changed() {
  const now = values()
  return Object.fromEntries(Object.entries(now).filter(([name, value]) => stored?.[name] !== value && !refused.has(name)))
}

function isTouched() {
  const before = stored ?? opened
  return Boolean(pending) || fields.some(field => before[field.name] !== field.value)
}

function body() {
  const sent = values()
  // texts go whole, so that a repetition is recognised; the rest only when it changed
  for (const name of ['date', 'durationMinutes', 'planId']) if (stored?.[name] === sent[name]) delete sent[name]
  for (const name of refused) delete sent[name]
  if ('durationMinutes' in sent) sent.durationMinutes = sent.durationMinutes === '' ? null : Number(sent.durationMinutes)
  if ('planId' in sent) sent.planId ||= null
  if (sent.date === '') delete sent.date
  if (version) sent.version = version
  else if (form.dataset.visit) sent.appointmentId = form.dataset.visit
  return sent
}

function enter(next, detail = '') {
  state = next
  say(form.dataset[next.replace(/-./, found => found[1].toUpperCase())] ?? '', detail, next)
}

function plan(wait = AFTER) {
  if (amends && !pending) return
  timer ??= setTimeout(() => { timer = null; send() }, wait)
}

async function send() {
  if (isSending || state === 'conflict' || state === 'refused') return
  if (!pending && Object.keys(changed()).length === 0) {
    if (state === 'typing') enter('saved')
    return settle()
  }
  const raw = pending?.raw ?? values()
  pending ??= { raw, body: body() }
  isSending = true
  if (!AGAIN[state]) enter('saving')
  const answer = await post(form.dataset.save, form.dataset.writer, pending.body)
  isSending = false
  receive(answer, raw)
}

function receive(answer, raw) {
  if (answer.state === 'stored') {
    const { said, ...now } = answer.given
    pending = null
    version = now.version
    stored = { ...stored, ...Object.fromEntries(Object.entries(raw).filter(([name]) => !refused.has(name))) }
    moveTo(now)
    if (Object.keys(changed()).length) enter('typing')
    else if (refused.size) enter('mistake')
    else {
      state = 'saved'
      say(said)
    }
    return Object.keys(changed()).length ? (whenStored.length ? send() : plan()) : settle()
  }
  if (AGAIN[answer.state]) {
    enter(answer.state, answer.detail)
    if (!amends) whenStored = [] // who went on writing meanwhile is not led away
    timer = setTimeout(() => { timer = null; send() }, AGAIN[answer.state])
  } else if (answer.state === 'invalid') {
    pending = null
    for (const [name, messages] of Object.entries(answer.errors)) mark(name, messages[0])
    enter('mistake')
    whenStored = []
    if (!amends) return plan(0)
    fields.find(field => refused.has(field.name))?.focus()
    refused.clear()
  } else if (answer.state === 'conflict') {
    pending = null
    whenStored = []
    enter('conflict', answer.detail)
    showConflict({ form, fields, base: stored ?? opened, answer, resolve, amend })
  } else {
    pending = null
    whenStored = []
    state = 'refused'
    say(amends && answer.detail ? '' : form.dataset.refused, answer.detail, state)
  }
}

function mark(name, message) {
  const field = fields.find(one => one.name === name)
  if (!field) return enter('refused', message)
  refused.add(name)
  field.ariaInvalid = 'true'
  document.getElementById(`${name}-mistake`).textContent = message
}

function unmark(field) {
  refused.delete(field.name)
  field.ariaInvalid = null
  const mistake = document.getElementById(`${field.name}-mistake`)
  if (mistake?.textContent) mistake.textContent = ''
}

function moveTo(now) {
  if (form.dataset.save === now.save || amends) return
  form.dataset.save = now.save
  form.dataset.review = now.review
  history.replaceState(null, '', now.edit)
}

function settle() {
  const waiting = whenStored
  whenStored = []
  if (!refused.size) waiting.forEach(proceed => proceed())
}

// What was chosen between two texts becomes that of the page, on top of the version it was chosen against.
function resolve(current, texts) {
  version = current.version
  stored = { ...(stored ?? opened), ...Object.fromEntries(Object.keys(texts).map(name => [name, current[name]])) }
  for (const [name, text] of Object.entries(texts)) form.elements[name].value = text
  if (!amends) moveTo(current)
  state = 'typing'
  if (!amends || document.getElementById('reason').value) send()
}

function amend(current) {
  leaving = true
  form.method = 'post'
  form.action = current.amend
  for (const name of ['date', 'durationMinutes', 'planId']) if (form.elements[name]) form.elements[name].disabled = true
  form.submit()
}

form.addEventListener('input', event => {
  unmark(event.target)
  if (state === 'conflict' || state === 'refused') return
  if (!AGAIN[state] && state !== 'typing') enter('typing')
  plan()
})
form.addEventListener('submit', event => {
  event.preventDefault()
  const done = () => {
    leaving = true
    location.assign(amends ? location.pathname.replace(/amend\/$/, '') : form.dataset.review)
  }
  if (state === 'conflict') return document.getElementById('conflict-head')?.focus()
  if (!amends && version && !isTouched()) return done()
  whenStored = [done]
  if (state === 'refused') state = null
  if (amends) fields.forEach(unmark)
  clearTimeout(timer)
  timer = null
  send()
})
addEventListener('beforeunload', event => { if (!leaving && isTouched()) event.preventDefault() })
// Signed out for being idle: what is typed is kept here, as it is when the server says so (idle.js).
document.addEventListener('idle:leave', event => {
  if (leaving || !isTouched()) return
  event.preventDefault()
  if (['conflict', 'refused'].includes(state)) document.getElementById('sign-in').hidden = false
  else if (!AGAIN[state]) enter('signed-out')
})
const now = () => {
  if (!isTouched() || (amends && !pending)) return
  clearTimeout(timer)
  timer = null
  send()
}
addEventListener('online', now)
addEventListener('focus', now)
document.addEventListener('visibilitychange', now)
form.addEventListener('keydown', event => {
  if ((event.ctrlKey || event.metaKey) && event.key === 's') {
    event.preventDefault()
    if (!amends) now()
  }
})
form.addEventListener('click', event => {
  const button = event.target.closest('[data-copy], [data-copy-all]')
  if (!button) return
  const names = button.dataset.copy ? [button.dataset.copy] : fields.filter(field => field.matches('textarea')).map(field => field.name)
  for (const name of names) add(form.elements[name], document.getElementById(`last-${name}`)?.textContent)
})

// Text is put below what is there: nothing that was typed is replaced.
function add(field, text) {
  if (!text || field.value.includes(text)) return
  field.value = field.value.trim() ? `${field.value.trimEnd()}\n${text}` : text
  field.dispatchEvent(new Event('input', { bubbles: true }))
}

if (amends && fields.some(field => field.matches('textarea') && field.value !== field.defaultValue)) enter('typing')
watchPhrases(form)
watchTemplates(form, add)
