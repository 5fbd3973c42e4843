// Starts the login process so that it outlives the bridge, and passes its job through stdin, never through argv.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { LoginLauncher } from '../../ports.ts'

export const loginLauncher: LoginLauncher = {
  launch(job) {
    const program = fileURLToPath(new URL('../bin/mcp-oauth-bridge.js', import.meta.url))
    return new Promise((resolve, reject) => {
      // Its output goes to the log file only: an inherited stderr would keep the host waiting for our end.
      const child = spawn(process.execPath, [program, 'login', '--attempt'], {
        detached: true,
        stdio: ['pipe', 'ignore', 'ignore'],
        windowsHide: true,
      })
      child.once('error', reject)
      child.unref()
      child.stdin.end(JSON.stringify(job), resolve)
    })
  },
}
