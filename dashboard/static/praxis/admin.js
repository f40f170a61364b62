// What these scripts say is in the pages' data attributes, where it is translated.

// unfold's menu, filter and account switches respond only to a mouse; make them work with the keyboard and with a
// screen reader. Their names are in templates/unfold/helpers/command.html.
document.addEventListener('DOMContentLoaded', () => {
  const names = document.getElementById('button-names')?.dataset ?? {}
  for (const element of document.querySelectorAll('span[x-on\\:click], div.cursor-pointer[x-on\\:click], a:not([href])[x-on\\:click]')) {
    element.tabIndex = 0
    element.role = 'button'
    const name = names[element.textContent.trim()]
    if (name) element.ariaLabel = name
    element.addEventListener('keydown', event => {
      if (event.key !== 'Enter' && event.key !== ' ') return
      event.preventDefault()
      element.click()
    })
  }
})

// On a narrow screen unfold writes Each Word Of A Column's Name With A Capital, which no language here does.
document.addEventListener('DOMContentLoaded', () => {
  for (const cell of document.querySelectorAll('#result_list [data-label]')) {
    cell.dataset.label = cell.dataset.label.replace(/^\p{Ll}/u, letter => letter.toUpperCase())
  }
})

// unfold shows in which part of the site one is by its colours alone.
document.addEventListener('DOMContentLoaded', () => {
  const link = document.querySelector('#nav-sidebar-apps a.active')
  link?.setAttribute('aria-current', link.pathname === location.pathname ? 'page' : 'true')
})

// The theme's scroll bars call each place that they scroll "scrollable content", in English and all alike: the menu is
// within its own landmark, and a list is named as its page.
window.addEventListener('load', () => {
  for (const place of document.querySelectorAll('.simplebar-content-wrapper')) {
    if (place.closest('#nav-sidebar-apps, nav')) {
      place.removeAttribute('role')
      place.removeAttribute('aria-label')
    } else {
      place.ariaLabel = document.querySelector('h1')?.textContent.replace(/\s+/g, ' ').trim() || document.title
    }
  }
})

// A patient picker (select2) has no name for a screen reader: give its parts, and the list that it opens, its label's.
function namePicker(select) {
  const name = select.labels?.[0]?.textContent.replace('*', '').trim()
  const box = select.parentElement.querySelector('[role=combobox]')
  if (!name || !box) return
  for (const part of [box, box.querySelector('[role=textbox]')]) {
    part?.setAttribute('aria-label', name)
    part?.removeAttribute('aria-labelledby')
  }
  window.django?.jQuery(select).on('select2:open', () => {
    const list = document.querySelector('.select2-results__options')
    box.setAttribute('aria-controls', list.id)
    for (const part of [list, document.querySelector('.select2-search__field')]) part?.setAttribute('aria-label', name)
  })
}
// jQuery calls what was given to it in turn, so this runs once select2 has made its box.
window.addEventListener('load', () => window.django?.jQuery(() => document.querySelectorAll('select.admin-autocomplete').forEach(namePicker)))

// Print a list: all of its rows, not only those of the page that is open. The link leads to them with #print.
window.addEventListener('load', () => {
  const link = document.querySelector('a[data-print-list]')
  if (!link) return
  const shown = link.dataset.printList === 'all'
  link.addEventListener('click', event => {
    if (!shown) return
    event.preventDefault()
    window.print()
  })
  document.addEventListener('keydown', event => {
    if (shown || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'p') return
    event.preventDefault()
    link.click()
  })
  if (location.hash !== '#print') return
  history.replaceState(null, '', location.pathname + location.search)
  if (shown) window.print()
})

// The quick picks of a time field: a clinic's hours instead of Midnight, 6 a.m., Noon and 6 p.m.
document.addEventListener('DOMContentLoaded', () => {
  if (!window.DateTimeShortcuts) return
  const format = window.get_format('TIME_INPUT_FORMATS')[0]
  const label = hour => new Date(2000, 0, 1, hour).strftime(format).replace(/^0/, '')
  const hours = [8, 10, 12, 14, 16].map(hour => [label(hour), hour])
  window.DateTimeShortcuts.clockHours.default_ = [['Now', -1], ...hours] // Django translates its own "Now"
})

// Report a file that is too large before it is sent: when a server refuses an upload half-way, the browser may not show
// its answer. stopPropagation: unfold listens on every file field and expects its own markup around it.
document.addEventListener('change', event => {
  const maxBytes = Number(event.target.dataset?.maxBytes)
  if (!maxBytes) return
  event.stopPropagation()
  const tooLarge = [...event.target.files].some(file => file.size > maxBytes)
  event.target.setCustomValidity(tooLarge ? event.target.dataset.tooLarge : '')
  if (tooLarge) event.target.reportValidity()
}, true)
