// A drawn signature: what the pointer does on the canvas goes as points of a plane of 1000 by 400 into a hidden field.
const WIDE = 1000
const HIGH = 400

function watch(pad, field) {
  const canvas = pad.querySelector('canvas')
  const pen = canvas.getContext('2d')
  let strokes = read(field.value)
  let drawing = null

  function draw() {
    pen.clearRect(0, 0, WIDE, HIGH)
    pen.strokeStyle = getComputedStyle(canvas).color
    pen.lineWidth = 6
    pen.lineCap = pen.lineJoin = 'round'
    for (const [first, ...rest] of strokes) {
      pen.beginPath()
      pen.moveTo(...first)
      for (const point of rest.length ? rest : [first]) pen.lineTo(...point)
      pen.stroke()
    }
  }

  function place(event) {
    const box = canvas.getBoundingClientRect()
    const within = (value, most) => Math.max(0, Math.min(most, Math.round(value)))
    return [within((event.clientX - box.left) / box.width * WIDE, WIDE), within((event.clientY - box.top) / box.height * HIGH, HIGH)]
  }

  function keep() {
    field.value = strokes.length ? JSON.stringify(strokes) : ''
    draw()
  }

  canvas.addEventListener('pointerdown', event => {
    if (event.button) return
    event.preventDefault()
    canvas.setPointerCapture(event.pointerId)
    drawing = [place(event)]
    strokes.push(drawing)
    draw()
  })
  canvas.addEventListener('pointermove', event => {
    if (!drawing) return
    const moves = event.getCoalescedEvents?.() ?? []
    for (const move of moves.length ? moves : [event]) drawing.push(place(move))
    draw()
  })
  for (const end of ['pointerup', 'pointercancel']) {
    canvas.addEventListener(end, () => { drawing = null; keep() })
  }
  pad.querySelector('[data-clear]').addEventListener('click', () => { strokes = []; keep() })
  pad.hidden = false
  draw()
}

function read(text) {
  try {
    return JSON.parse(text || '[]')
  } catch {
    return []
  }
}

for (const pad of document.querySelectorAll('[data-pad]')) watch(pad, document.querySelector('[data-strokes]'))
document.querySelector('[data-autofocus]')?.focus()
