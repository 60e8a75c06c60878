// Debian's Chromium, without what it would ask of the network by itself.
import { chromium } from 'playwright-core'

export function open(more = []) {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      ...more,
    ],
    timeout: 30000,
  })
}
