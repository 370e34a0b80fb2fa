// The thread of `examine`: looks once and says what it saw.
import { parentPort, workerData } from "node:worker_threads";
import { type ExaminationRequest, examineHere } from "./examination.ts";

parentPort?.postMessage(examineHere(workerData as ExaminationRequest));
