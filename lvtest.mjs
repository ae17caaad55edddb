import { ClassicLevel } from 'classic-level'
const db = new ClassicLevel(process.argv[2] ?? './lvdb', { valueEncoding: 'json' })
await db.open()
let t=performance.now()
for (let i=0;i<200;i++) await db.batch([{type:'put',key:'a'+i,value:{i}},{type:'put',key:'b',value:i}],{sync:true})
console.log('sync ms each', (performance.now()-t)/200)
await Promise.all(Array.from({length:200},(_, i)=>db.batch([{type:'put',key:'c'+i,value:{i}}],{sync:true})))
console.log(await db.get('b'))
await db.close()
