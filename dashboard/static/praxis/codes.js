// Copy and print codes that are shown once. The buttons stay hidden where the browser cannot do it or runs no script.
for (const button of document.querySelectorAll('[data-print]')) {
  button.hidden = false
  button.addEventListener('click', () => window.print())
}
for (const button of document.querySelectorAll('[data-copy]')) {
  if (!navigator.clipboard) continue
  button.hidden = false
  button.addEventListener('click', async () => {
    const lines = [...document.getElementById(button.dataset.copy).children].map(line => line.textContent)
    const status = document.querySelector('[data-copied]')
    try {
      await navigator.clipboard.writeText(lines.join('\n'))
      status.textContent = status.dataset.copied
    } catch {
      status.textContent = status.dataset.blocked
    }
  })
}
