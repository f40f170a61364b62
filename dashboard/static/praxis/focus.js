// On a busy machine Chromium sometimes ignores `autofocus` when a form submission returns the same page.
document.querySelector("[autofocus]")?.focus();
