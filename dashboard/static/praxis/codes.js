// Copies and prints codes that are shown once. The buttons stay hidden where the browser cannot, or runs no script.
for (const button of document.querySelectorAll('[data-print]')) {
  button.hidden = false
  button.addEventListener('click', () => window.print())
}
for (const button of document.querySelectorAll('[data-copy]')) {
  if (!navigator.clipboard) continue
  button.hidden = false
  button.addEventListener('click', async () => {
    const lines = [...document.getElementById(button.dataset.copy).children].map(line => line.textContent)
    let told = 'Copied.'
    try {
      await navigator.clipboard.writeText(lines.join('\n'))
    } catch {
      told = 'The browser did not let us copy. Select what is shown instead.'
    }
    document.querySelector('[data-copied]').textContent = told
  })
}
