// Redoc's bundle shows its maker's logo, and would fetch it from a CDN. Images of other sites are left unfetched,
// whether the bundle sets the attribute or the property.
const isForeign = address => {
  const url = new URL(address, location.href)
  return /^https?:$/.test(url.protocol) && url.origin !== location.origin
}
const image = HTMLImageElement.prototype
const { setAttribute } = image
const src = Object.getOwnPropertyDescriptor(image, 'src')
image.setAttribute = function (name, value) {
  if (name !== 'src' || !isForeign(value)) setAttribute.call(this, name, value)
}
Object.defineProperty(image, 'src', {
  ...src,
  set(value) { if (!isForeign(value)) src.set.call(this, value) },
})
