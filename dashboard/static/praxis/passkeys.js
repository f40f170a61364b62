// Passkeys at sign-in and on the Security page: call WebAuthn and submit the result with the page's form. Binary values
// are base64url in WebAuthn's JSON.
const bytes = text => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), letter => letter.charCodeAt(0))
const text = buffer =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
const withBytes = list => (list || []).map(item => ({ ...item, id: bytes(item.id) }))

const CEREMONIES = {
  async create(options) {
    const made = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        user: { ...options.user, id: bytes(options.user.id) },
        excludeCredentials: withBytes(options.excludeCredentials)
      }
    })
    const { attestationObject } = made.response
    const transports = made.response.getTransports?.() ?? []
    return [made, { attestationObject: text(attestationObject), transports }]
  },
  async get(options) {
    const used = await navigator.credentials.get({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        allowCredentials: withBytes(options.allowCredentials)
      }
    })
    const { authenticatorData, signature, userHandle } = used.response
    return [used, {
      authenticatorData: text(authenticatorData),
      signature: text(signature),
      userHandle: userHandle && userHandle.byteLength ? text(userHandle) : null
    }]
  }
}

for (const form of document.querySelectorAll('form[data-passkey]')) {
  const at = new URL(form.dataset.worksAt)
  const isAddress = /^[\d.]+$|^\[/.test(at.hostname) // passkeys need a host name, not an IP address
  if (location.origin !== at.origin || isAddress || !window.PublicKeyCredential) continue
  const button = form.querySelector('[data-here] button')
  const problem = form.querySelector('[data-problem]')
  form.querySelector('[data-elsewhere]').hidden = true
  form.querySelector('[data-here]').hidden = false
  button.addEventListener('click', async () => {
    button.disabled = problem.hidden = true
    try {
      const options = JSON.parse(document.getElementById('passkey-options').textContent)
      const [credential, response] = await CEREMONIES[form.dataset.passkey](options)
      form.elements.credential.value = JSON.stringify({
        id: credential.id,
        rawId: text(credential.rawId),
        type: credential.type,
        authenticatorAttachment: credential.authenticatorAttachment,
        clientExtensionResults: {},
        response: { clientDataJSON: text(credential.response.clientDataJSON), ...response }
      })
      form.submit()
    } catch (error) {
      problem.textContent = problem.dataset[error.name.toLowerCase()] || problem.dataset.problem
      problem.hidden = button.disabled = false
      button.focus()
    }
  })
}
