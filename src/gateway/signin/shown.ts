// Text from outside on a page: escaped, of bounded length, and with everything visible that hides or turns the text around it

/** Controls, format characters such as those for the writing direction, line separators, and letters that show nothing. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}\u115f\u1160\u3164\uffa0\u2800]/gu
/** Marks above and below a letter that would reach into other lines. */
const STACKED = /(\p{M}{2})\p{M}+/gu

/** As HTML, at most `most` characters of it. */
export function shown(text: string, most = 100): string {
  const letters = [...text]
  const cut = letters.length > most ? `${letters.slice(0, most).join('')}…` : text
  return escapeHtml(cut.replace(HIDDEN, codePoint).replace(STACKED, '$1'))
}

/** A URL in ASCII, whole: a host in other letters as it is looked up (RFC 5890). */
export function shownUri(uri: string): string {
  const plain = /^[\x21-\x7e]*$/.test(uri) || !URL.canParse(uri) ? uri : new URL(uri).href
  return shown(plain, 2_048)
}

export const escapeHtml = (text: string): string => text.replace(/[&<>"'`]/g, (char) => `&#${char.charCodeAt(0)};`)

const codePoint = (char: string) => `⟨U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟩`
