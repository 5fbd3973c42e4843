// Why the gateway cannot listen, in words: who has the port, or what the system does not allow
import { BridgeError } from '../../errors.ts'
import type { ServeSettings } from '../settings.ts'

/** `name (pid 123)`; undefined if the system does not tell. */
export type PortHolder = (port: number) => Promise<string | undefined>

export async function asListenError(
  cause: unknown,
  { host, port }: ServeSettings['listen'],
  portHolder: PortHolder = async () => undefined,
): Promise<BridgeError> {
  const { code = 'unknown' } = cause as NodeJS.ErrnoException
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const fault = (message: string, hint: string) =>
    new BridgeError('listen_failed', { message, hint, cause, details: { system: code } })
  switch (code) {
    case 'EADDRINUSE': {
      const holder = (await portHolder(port)) ?? 'another program'
      return fault(
        `The address ${address} is in use by ${holder}.`,
        'Stop that program, or set serve.listen to another address, such as 127.0.0.1:8081.',
      )
    }
    case 'EACCES':
      return fault(
        `The address ${address} cannot be used: its port is only for root (EACCES).`,
        'Set serve.listen to a port of 1024 or higher, such as 127.0.0.1:8080.',
      )
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return fault(
        `The address ${address} is not one of this computer (${code}).`,
        'Set serve.listen to 127.0.0.1:8080, or to 0.0.0.0:8080 for every address of this computer.',
      )
  }
  return fault(`The address ${address} cannot be used: ${code}.`, 'Set serve.listen to another address.')
}
