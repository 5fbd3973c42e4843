// Wine refuses keep-alive on a socket that is not connected yet, which Windows accepts.
const { Socket } = require('node:net')
const real = Socket.prototype.setKeepAlive
Socket.prototype.setKeepAlive = function setKeepAlive(...words) {
  return this.connecting || this.pending ? this : real.apply(this, words)
}
