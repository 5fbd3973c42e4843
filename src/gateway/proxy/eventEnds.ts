// Where the events of a stream end (WHATWG HTML section 9.2.6), in whatever pieces it comes: between two of them a comment may stand

const [LF, CR, COLON, SPACE] = [10, 13, 58, 32]
/** As much of a line as tells what it is: a field name, and the longest event type that matters. */
const PREFIX = 32
const BOM = Buffer.from([0xef, 0xbb, 0xbf])

export class EventEnds {
  /** The start of the line that has not ended; it has no more than PREFIX bytes. */
  #line: Uint8Array = new Uint8Array(0)
  #afterCr = false
  #isFirstLine = true
  #hasFields = false
  #hasData = false
  #type = ''
  #first: string | undefined

  /** No event has begun that has not ended. */
  get between(): boolean {
    return !this.#hasFields && this.#line.byteLength === 0
  }

  /** The type of the first event that has data; undefined: it has not ended. */
  get first(): string | undefined {
    return this.#first
  }

  push(chunk: Uint8Array): void {
    let from = this.#afterCr && chunk[0] === LF ? 1 : 0
    if (chunk.byteLength > 0) this.#afterCr = false
    let cr = chunk.indexOf(CR, from)
    let lf = chunk.indexOf(LF, from)
    while (cr !== -1 || lf !== -1) {
      const end = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr
      this.#endLine(this.#joined(chunk.subarray(from, end)))
      from = end + 1
      if (end === cr) {
        if (chunk[from] === LF) from++
        else if (from === chunk.byteLength) this.#afterCr = true
        cr = chunk.indexOf(CR, from)
      }
      if (lf !== -1 && lf < from) lf = chunk.indexOf(LF, from)
    }
    // A copy: a view would keep the whole chunk.
    if (from < chunk.byteLength)
      this.#line = Uint8Array.prototype.slice.call(this.#joined(chunk.subarray(from)), 0, PREFIX)
  }

  #joined(rest: Uint8Array): Uint8Array {
    const before = this.#line
    if (before.byteLength === 0) return rest
    return before.byteLength >= PREFIX ? before : Buffer.concat([before, rest.subarray(0, PREFIX)])
  }

  #endLine(line: Uint8Array): void {
    if (this.#line.byteLength > 0) this.#line = new Uint8Array(0)
    const text = this.#isFirstLine && startsWith(line, BOM) ? line.subarray(BOM.byteLength) : line
    this.#isFirstLine = false
    if (text.byteLength === 0) this.#endEvent()
    else if (text[0] !== COLON) this.#takeField(text)
  }

  #takeField(line: Uint8Array): void {
    this.#hasFields = true
    // Only until the first event is known.
    if (this.#first !== undefined) return
    const colon = line.indexOf(COLON)
    const name = latin1(colon === -1 ? line : line.subarray(0, colon))
    if (name === 'data') this.#hasData = true
    if (name === 'event')
      this.#type = colon === -1 ? '' : latin1(line.subarray(line[colon + 1] === SPACE ? colon + 2 : colon + 1))
  }

  #endEvent(): void {
    if (this.#hasData) this.#first ??= this.#type
    this.#hasFields = false
    this.#hasData = false
    this.#type = ''
  }
}

const startsWith = (bytes: Uint8Array, start: Uint8Array) => start.every((byte, at) => bytes[at] === byte)

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes.subarray(0, PREFIX)).toString('latin1')
