// Redoc's bundle loads its vendor's logo from a CDN. Block images from other sites, whether the bundle sets the attribute
// or the property, and fire their error event: the bundle then removes them.
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
