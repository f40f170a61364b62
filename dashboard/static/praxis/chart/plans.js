// What is said about progress that was not added goes away when somebody has read it.
const message = document.getElementById('message')
message?.addEventListener('click', event => {
  if (event.target.closest('[data-dismiss]')) message.replaceChildren()
})
// A goal's line that came anew takes the focus that its button had.
document.body.addEventListener('htmx:afterSwap', event => {
  const elt = event.detail.requestConfig?.elt
  if (!elt?.matches('form.progress')) return
  message?.replaceChildren()
  document.getElementById(elt.querySelector('[name=text]').id)?.focus()
})
