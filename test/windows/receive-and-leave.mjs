// A thread that starts an overlapped receive on another thread's socket, tells where its bytes will
// be, and ends.
import { parentPort, workerData } from 'node:worker_threads'
import { receiveIntoNowhere } from '../support/win32.mjs'

parentPort.postMessage(receiveIntoNowhere(workerData))
