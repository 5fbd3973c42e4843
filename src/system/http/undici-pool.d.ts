// undici has no types for these paths; importing them alone starts three times faster than the whole package.
declare module 'undici/lib/dispatcher/pool.js' {
  import { Pool } from 'undici'
  export default Pool
}
declare module 'undici/lib/core/connect.js' {
  import { buildConnector } from 'undici'
  export default buildConnector
}
declare module 'undici/lib/core/symbols.js' {
  const symbols: Readonly<Record<'kParser' | 'kSocket', symbol>>
  export default symbols
}
