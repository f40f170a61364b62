// Files are dropped on the page or picked, several at once. Two are sent at a time, each says how far it is and what is
// wrong with it, and what failed can be sent again. Without this script the form sends one file.
import { watchKeys } from '../keys.js'

const AT_ONCE = 2
const form = document.getElementById('add-files')
const waiting = []
let busy = 0, added = 0, failed = 0

if (!document.getElementById('help')) watchKeys()
if (form) begin()

function begin() {
  const input = form.querySelector('input[type=file]')
  input.multiple = true
  input.required = false
  form.querySelector('[data-plain]').hidden = true
  form.querySelector('[data-drop]').hidden = false
  form.addEventListener('submit', event => event.preventDefault())
  input.addEventListener('change', () => {
    take(input.files)
    input.value = ''
  })
  const hasFiles = event => event.dataTransfer?.types.includes('Files')
  document.addEventListener('dragover', event => {
    if (!hasFiles(event)) return
    event.preventDefault()
    form.classList.add('is-over')
  })
  document.addEventListener('dragleave', event => {
    if (!event.relatedTarget) form.classList.remove('is-over')
  })
  document.addEventListener('drop', event => {
    if (!hasFiles(event)) return
    event.preventDefault()
    form.classList.remove('is-over')
    take(event.dataTransfer.files)
  })
  addEventListener('beforeunload', event => {
    if (busy || waiting.length) event.preventDefault()
  })
}

function take(files) {
  const list = document.getElementById('uploads')
  list.hidden = false
  const category = form.elements.category.value // of now: it may be another for the next files
  for (const file of files) {
    const line = document.createElement('li')
    list.append(line)
    waiting.push({ file, category, line })
    say(line, file.name, form.dataset.waiting)
  }
  next()
}

function next() {
  while (busy < AT_ONCE && waiting.length) send(waiting.shift())
  if (!busy && !waiting.length && added + failed) {
    const summary = form.dataset.summary.replace('ADDED', added).replace('FAILED', failed)
    document.getElementById('uploads-summary').textContent = summary
  }
}

function say(line, ...words) {
  line.replaceChildren(...words.map(word => {
    if (typeof word !== 'string') return word
    const said = document.createElement('span')
    said.textContent = word
    return said
  }))
}

function send(job) {
  const { file, category, line } = job
  if (file.size > Number(form.dataset.maxBytes)) return refuse(job, form.dataset.tooLarge, false)
  busy += 1
  const progress = document.createElement('progress')
  progress.max = 100
  progress.setAttribute('aria-label', `${form.dataset.sending} ${file.name}`)
  const state = document.createElement('span')
  state.textContent = form.dataset.sending
  say(line, file.name, progress, state)
  const body = new FormData()
  body.append('csrfmiddlewaretoken', form.elements.csrfmiddlewaretoken.value)
  body.append('category', category)
  body.append('file', file)
  const request = new XMLHttpRequest()
  request.upload.addEventListener('progress', event => {
    if (!event.lengthComputable) return
    progress.value = Math.round(event.loaded / event.total * 100)
    if (event.loaded === event.total) {
      progress.removeAttribute('value')
      state.textContent = form.dataset.checking
    }
  })
  request.addEventListener('load', () => {
    busy -= 1
    const type = request.getResponseHeader('Content-Type') || ''
    if (request.status === 201) {
      added += 1
      line.innerHTML = request.responseText // escaped by the server
    } else {
      const known = type.startsWith('text/plain')
      const retry = request.status === 429 || request.status >= 500
      return refuse(job, known ? request.responseText : form.dataset.failed, retry || !known)
    }
    next()
  })
  request.addEventListener('error', () => {
    busy -= 1
    refuse(job, form.dataset.failed, true)
  })
  request.open('POST', form.action)
  request.setRequestHeader('X-Requested-By', 'praxis')
  request.send(body)
}

function refuse(job, why, mayRetry) {
  failed += 1
  const said = document.createElement('span')
  said.className = 'mistake'
  said.textContent = why
  const words = [job.file.name, said]
  if (mayRetry) {
    const again = document.createElement('button')
    again.type = 'button'
    again.className = 'button'
    again.textContent = form.dataset.again
    again.addEventListener('click', () => {
      failed -= 1
      waiting.push(job)
      say(job.line, job.file.name, form.dataset.waiting)
      next()
    })
    words.push(again)
  }
  say(job.line, ...words)
  next()
}
