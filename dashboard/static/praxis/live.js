// Live updates: tells the page that something changed, at once and in ids alone. Where there is no connection (a proxy
// that lets none through, a server that starts anew) the page asks by itself, as it would without this module.
const FIRST_WAIT = 1000 // milliseconds before the second attempt; then twice as long each time
const LONGEST_WAIT = 60_000
const SIGNED_OUT = 4401

let isOpen = false
export const isLive = () => isOpen

export function listen(address, onChange) {
  let cursor = null // up to where this page knows all
  let wait = FIRST_WAIT

  function connect() {
    const url = new URL(address, location.href)
    url.protocol = url.protocol.replace('http', 'ws')
    if (cursor) url.searchParams.set('cursor', cursor)
    const socket = new WebSocket(url)
    socket.addEventListener('message', event => {
      const message = JSON.parse(event.data)
      cursor = message.cursor
      if (message.type === 'ready') {
        isOpen = true
        wait = FIRST_WAIT
      }
      onChange() // after `ready` for what came between the page and the connection
    })
    socket.addEventListener('close', event => {
      if (!isOpen) cursor = null // perhaps it was too old
      isOpen = false
      if (event.code === SIGNED_OUT) return // what the page asks next says so
      setTimeout(connect, wait * (0.5 + Math.random()))
      wait = Math.min(2 * wait, LONGEST_WAIT)
    })
  }
  connect()
}
