// Which system the tests run on. What differs by nature is stated in the test, with the reason.

export const isWindows = process.platform === 'win32'

/**
 * Windows' node.exe under Wine, which differs from Windows where its authors have not got to yet.
 * Set by `npm run test:windows`; on Windows itself nothing is skipped for Wine's sake.
 */
export const isWine = process.env.POLLPORT_WINE === '1'

/** Whether a sanitizer watches: see test/sanitizers. */
export const isSanitized = process.env.POLLPORT_SANITIZER !== undefined
