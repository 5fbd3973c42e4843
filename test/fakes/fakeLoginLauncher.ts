// A LoginLauncher that keeps its jobs, and may fail.
import type { LoginLauncher } from '../../src/ports.ts'
import type { LoginJob } from '../../src/records.ts'

export interface FakeLoginLauncher extends LoginLauncher {
  readonly jobs: readonly LoginJob[]
}

export function createFakeLoginLauncher(
  launch: (job: LoginJob) => void | Promise<void> = () => undefined,
): FakeLoginLauncher {
  const jobs: LoginJob[] = []
  return {
    jobs,
    async launch(job) {
      jobs.push(job)
      await launch(job)
    },
  }
}
