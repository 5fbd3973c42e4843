// Makes Node say what it says in Electron, whose program is not a Node for others.
Object.defineProperty(process, 'versions', { value: Object.freeze({ ...process.versions, electron: '40.0.0' }) })
process.execPath = '/bin/false'
