// A JSON number as decimal digits without exponent, to its last digit: `42.0` → `42`, `1e3` → `1000`.

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/
/** Numbers with a larger exponent have too many digits for a header. */
const LARGEST_EXPONENT = 400

/** `number`: JSON text. undefined: it has too many digits. */
export function decimal(number: string): string | undefined {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = NUMBER.exec(number) ?? []
  const shift = Number(exponent)
  if (Math.abs(shift) > LARGEST_EXPONENT) return undefined
  const digits = `${'0'.repeat(Math.max(0, -shift))}${whole}${fraction}${'0'.repeat(Math.max(0, shift))}`
  const point = whole.length + Math.max(0, -shift) + shift
  const before = withoutLeading(digits.slice(0, point))
  const after = withoutTrailing(digits.slice(point))
  const value = `${before === '' ? '0' : before}${after === '' ? '' : `.${after}`}`
  return value === '0' ? value : `${sign}${value}`
}

function withoutLeading(digits: string): string {
  let at = 0
  while (digits[at] === '0') at++
  return digits.slice(at)
}

function withoutTrailing(digits: string): string {
  let end = digits.length
  while (digits[end - 1] === '0') end--
  return digits.slice(0, end)
}
