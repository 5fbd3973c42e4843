// Whether this process can start another Node: the program of an Electron application cannot, because who packs one turns that off.
export const canStartNode = (): boolean => process.versions.electron === undefined
