// Asks whether a client belongs to the authorization server that an MCP server names, before its secret is sent there.
import { quote } from '../../redaction/text.ts'
import type { ProcessIO } from '../process.ts'
import { startAsking } from './ask.ts'

export async function confirmIssuer(io: ProcessIO, issuer: string, clientId: string): Promise<'yes' | 'no'> {
  const asking = startAsking(io)
  try {
    io.stderr.write(
      `This server names the authorization server ${quote(issuer, 2_000)}.\nThe secret or key of your client ${quote(clientId)} would be sent there.\n`,
    )
    return await asking.yes('Did you register the client there?', 'no')
  } finally {
    asking.close()
  }
}
