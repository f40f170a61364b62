// One request of the editor. Where it stands with the text afterwards: stored, invalid, conflict, refused, or to be sent
// again because of offline, trouble (the server's) or signed-out.
const LONGEST = 20_000 // milliseconds

export async function post(address, writer, body) {
  let answer
  try {
    answer = await fetch(address, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'Praxis-Writer': writer,
        'X-CSRFToken': csrfToken(),
      },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(LONGEST),
    })
  } catch {
    return { state: 'offline' }
  }
  // the sign-in's page instead of an answer, as while a second factor is due
  if (answer.type === 'opaqueredirect') return { state: 'signed-out' }
  const given = await answer.json().catch(() => null)
  if (answer.ok && given) return { state: 'stored', given }
  const detail = given?.detail ?? ''
  if (answer.status === 401) return { state: 'signed-out', detail }
  if (answer.status === 409 && given?.current) return { state: 'conflict', detail, current: given.current }
  if (given?.errors) return { state: 'invalid', detail, errors: given.errors }
  if (answer.status === 429 || answer.status >= 500) return { state: 'trouble' }
  if (answer.status === 403 && !given) return { state: 'signed-out' } // the token of a session that has ended
  return { state: 'refused', detail }
}

// A sign-in in another tab makes a new one: it is read anew each time.
function csrfToken() {
  const found = document.cookie.split('; ').find(one => one.startsWith('csrftoken='))
  return found?.slice('csrftoken='.length) ?? ''
}
