// The only module that knows NiiVue: 3D rendering of reduced images, surfaces and fibers.
import NiiVue from "@niivue/niivue/webgl2";
import type { Rgb } from "./colormaps";
import type { Pose3d } from "./pose3d";
import type { Camera } from "./render3d";

const SLICE_TYPE_RENDER = 4;

export interface Volume3d {
  id: string;
  file: File;
  /** Null: grey values; else one colour. */
  colour: Rgb | null;
  opacity: number;
}

export interface Mesh3d {
  id: string;
  source: string | File;
  name: string;
  fibers: boolean;
  colour: Rgb;
  opacity: number;
}

export interface Scene3d {
  volumes: readonly Volume3d[];
  meshes: readonly Mesh3d[];
  /** Depth, azimuth and elevation of the plane that cuts images; null: none. */
  clip: readonly [number, number, number] | null;
}

/** Beyond the image: nothing is cut. */
const NO_CLIP = [2, 0, 0] as const;

/** Grey that lets the dark surroundings through. */
const GREY = {
  R: [0, 60, 255],
  G: [0, 60, 255],
  B: [0, 60, 255],
  A: [0, 24, 110],
  I: [0, 60, 255],
};

export class Renderer3d {
  private shown = "";
  /** Called whenever the picture is about to be drawn anew. */
  onDraw: () => void = () => undefined;
  /** Something has been shown: its middle and its size are known. */
  private ready = false;

  private constructor(private readonly nv: NiiVue) {}

  /** Take over a canvas; `software` draws at half resolution. */
  static async on(
    canvas: HTMLCanvasElement,
    software: boolean,
    background: string,
    camera: Camera,
  ): Promise<Renderer3d> {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(background.slice(at, at + 2), 16) / 255);
    const nv = new NiiVue({
      backend: "webgl2",
      isDragDropEnabled: false,
      sliceType: SLICE_TYPE_RENDER,
      backgroundColor: [r!, g!, b!, 1],
      isColorbarVisible: false,
      isOrientCubeVisible: false,
      isOrientationTextVisible: false,
      is3DCrosshairVisible: false,
      isLegendVisible: false,
      // Lit in grey: NiiVue's own light is the colour of flesh.
      matcaps: { grey: new URL("./matcap.png", import.meta.url).href },
      logLevel: "error",
      placeholderText: "",
      ...camera,
      ...(software ? { devicePixelRatio: 0.5, isAntiAlias: false } : {}),
    });
    await nv.attachToCanvas(canvas);
    const made = new Renderer3d(nv);
    const draw = nv.drawScene.bind(nv);
    nv.drawScene = (...how) => {
      draw(...how);
      if (made.ready) made.onDraw();
    };
    return made;
  }

  private colormap(colour: Rgb | null): string {
    if (!colour) return this.nv.addColormap("nora-grey", GREY);
    const [R, G, B] = colour.map((v) => [0, v, v]) as [number[], number[], number[]];
    const table = { R, G, B, A: [0, 120, 200], I: [0, 100, 255] };
    return this.nv.addColormap(`nora-${colour.join("-")}`, table);
  }

  /** Load what the scene names; nothing happens when it is the same as before. */
  async show(scene: Scene3d): Promise<void> {
    const key = JSON.stringify([
      scene.volumes.map((v) => [v.id, v.colour, v.opacity]),
      scene.meshes.map((m) => [m.id, m.colour, m.opacity]),
    ]);
    this.clip(scene.clip);
    if (key === this.shown) return;
    this.shown = key;
    await this.nv.loadVolumes(
      scene.volumes.map(({ file, colour, opacity }) => ({
        url: file,
        name: file.name,
        colormap: this.colormap(colour),
        calMin: 1,
        calMax: 255,
        opacity,
        isColorbarVisible: false,
      })),
    );
    await this.nv.loadMeshes(
      scene.meshes.map(({ source, name, fibers, colour, opacity }) => ({
        url: source,
        name,
        opacity,
        ...(fibers ? {} : { color: [...colour.map((v) => v / 255), 1] as never }),
        isColorbarVisible: false,
      })),
    );
    this.clip(scene.clip);
    this.ready = true;
    this.nv.volumeIllumination = scene.volumes.length ? 0.6 : 0;
    this.nv.drawScene();
  }

  private clip(plane: Scene3d["clip"]): void {
    this.nv.setClipPlane([...(plane ?? NO_CLIP)]);
  }

  /** Where the camera stands, in degrees: 0 behind, 90 at the patient's left. */
  get camera(): Camera {
    return { azimuth: this.nv.azimuth, elevation: this.nv.elevation };
  }

  /** How places of the world come onto the picture. */
  get pose(): Pose3d {
    const { pivot3D, furthestFromPivot, scene } = this.nv.model;
    const pivot = [pivot3D[0]!, pivot3D[1]!, pivot3D[2]!] as const;
    return { ...this.camera, pivot, reach: furthestFromPivot, zoom: scene.scaleMultiplier };
  }

  /** Look from a side: degrees. */
  look(azimuth: number, elevation: number): void {
    this.nv.azimuth = azimuth;
    this.nv.elevation = elevation;
    this.nv.drawScene();
  }

  dispose(): void {
    this.nv.destroy();
  }
}
