// Chromium now and then leaves `autofocus` aside when a form's answer is the same page again and the machine is busy.
document.querySelector("[autofocus]")?.focus();
