// undici has no type for this path; importing the pool alone starts three times faster than the whole package.
declare module 'undici/lib/dispatcher/pool.js' {
  import { Pool } from 'undici'
  export default Pool
}
