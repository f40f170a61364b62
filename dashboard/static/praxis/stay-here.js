// Redoc's bundle shows its maker's logo, and would fetch it from a CDN. Images of other sites are left unfetched,
// whether the bundle sets the attribute or the property, and told that they failed: the bundle then takes them away.
const isForeign = address => {
  const url = new URL(address, location.href)
  return /^https?:$/.test(url.protocol) && url.origin !== location.origin
}
const fail = image => setTimeout(() => image.dispatchEvent(new Event('error')))
const image = HTMLImageElement.prototype
const { setAttribute } = image
const src = Object.getOwnPropertyDescriptor(image, 'src')
image.setAttribute = function (name, value) {
  if (name === 'src' && isForeign(value)) fail(this)
  else setAttribute.call(this, name, value)
}
Object.defineProperty(image, 'src', {
  ...src,
  set(value) {
    if (isForeign(value)) fail(this)
    else src.set.call(this, value)
  },
})
