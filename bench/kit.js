// The servers of the tests as `npm run build` bundles them: Node 20 does not run TypeScript.
const built = (/** @type {string} */ name) => import(new URL(`../test/.kit/${name}.js`, import.meta.url).href)

/** @type {typeof import('../test/servers/authorizationServer.ts')} */
export const { startAuthorizationServer } = await built('authorizationServer')
/** @type {typeof import('../test/servers/browsing.ts')} */
export const { openBrowsing } = await built('browsing')
/** @type {typeof import('../test/servers/freePort.ts')} */
export const { freePort } = await built('freePort')
/** @type {typeof import('../test/servers/gatewayStage.ts')} */
export const { closePostgres, signInAt, startGatewayStage, startServe } = await built('gatewayStage')
/** @type {typeof import('../test/servers/host.ts')} */
export const { PROGRAM } = await built('host')
/** @type {typeof import('../test/servers/postgres.ts')} */
export const { whyNoPostgres } = await built('postgres')
/** @type {typeof import('../test/servers/soak.ts')} */
export const { soak } = await built('soak')
